"""Keys: what they are, which of them count, how they sign and verify, where they come from.

    secret     material that no log, error or dump can show
    material   algorithms, keyids and the exact bytes a key may have
    key        one key as a value, and what makes it sound
    wire       a keyring's JSON
    keyring    keyrings: types, parse, write
    lifecycle  the five states: a pure state machine
    trust      which of an envelope's signatures count
    backend    the protocol that every home of a key speaks
    local      signing and verifying with keys held in the keyring
    generate   new keys, and the public part of a keyring
    source     keyrings from files and the environment
    store      writing a keyring to a file, whole or not at all

Importing the package imports none of them, so a command pays for what it uses.
"""
