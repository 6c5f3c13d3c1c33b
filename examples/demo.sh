#!/usr/bin/env bash
#
# Seals a real tree, gates a command with it, damages it in every way there is, and shows what DuRi
# says each time; then watches it while one more file is edited. Ends with 1 when an answer is not the
# expected one. Works in a temporary folder, asks nothing, and removes what it made. On a terminal it
# leaves the watcher and its page running until Ctrl-C. `make demo` builds DuRi first and runs this.
#
# The tree is a copy of the site-packages of the Python that DuRi is installed in. DURI_BIN names
# the folder with that `python` and `duri`; .venv/bin of this checkout by default.

set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${DURI_BIN:-$repository/.venv/bin}
if [[ ! -x $bin/duri || ! -x $bin/python ]]; then
  printf 'demo: there is no duri in %s; run: make build\n' "$bin" >&2
  exit 1
fi

# Only what is written below decides the answers, not the settings of whoever runs this.
while read -r name; do
  unset "$name"
done < <(compgen -e |
  grep -E '^(DURI_|SOURCE_DATE_EPOCH$|PYTHON|NOTIFY_SOCKET$|KUBERNETES_SERVICE_HOST$)' || true)
export PATH="$bin:$PATH" PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1 LC_ALL=C.UTF-8
umask 022

work=$(mktemp -d "${TMPDIR:-/tmp}/duri-demo.XXXXXX")
watcher=
clean() {
  end_watcher
  rm -rf "$work"
}
end_watcher() {
  if [[ -n $watcher ]]; then
    kill "$watcher" 2> /dev/null || true
    wait "$watcher" || true
    watcher=
  fi
}
trap clean EXIT
cd "$work"

steps=0
wrong=0

# One line before each step: what it does.
step() {
  steps=$((steps + 1))
  printf '\n== %d. %s\n' "$steps" "$1"
}

# Runs a command, shows it and what it says, and compares its status and exit code with those that
# are expected. What to do next is shown only where `next=shown`.
expect() {
  local status=$1 code=$2 got=0
  shift 2
  printf '$ %s\n' "$*"
  "$@" > output 2>&1 || got=$?
  if [[ ${next:-} == shown ]]; then
    cat output
  else
    sed '/^Next$/,/^$/d' output
  fi
  if [[ $got -ne $code ]] || ! grep -qiE "(^| status=)$status( |\$)" output; then
    wrong=$((wrong + 1))
    printf -- '-> WRONG: exit %d, expected %s with exit %d\n' "$got" "$status" "$code"
    return
  fi
  printf -- '-> %s, exit %d\n' "$status" "$got"
}

verify=(duri verify app --keyring public.json)
program=(python -c 'import sys, click; print("the application runs from", sys.path[1] + "/click")')
gate=(env PYTHONPATH="$work/app" duri gate app --keyring public.json -- "${program[@]}")

step 'Make a signing key; verifiers get its public part.'
duri keys new --out keyring.json
duri keys public --keyring keyring.json --out public.json

step "Copy $("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'), and seal it."
cp -a "$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" app
ln -s click app/current
duri seal app --version 1.0.0 --product demo --keyring keyring.json
cp -a app/.duri sealed

step 'Verify it.'
expect verified 0 "${verify[@]}"

step 'Start a command through the gate; it imports from the sealed tree.'
expect verified 0 "${gate[@]}"
grep -q 'the application runs' output || wrong=$((wrong + 1))

step 'Edit: add a line to one file, and set its time back.'
cp -a app/click/core.py core.py
printf 'import os\n' >> app/click/core.py
touch -r core.py app/click/core.py
next=shown expect corrupted 10 "${verify[@]}"

step 'Start the command through the gate again; it never runs.'
expect corrupted 10 "${gate[@]}"
if grep -q 'the application runs' output; then wrong=$((wrong + 1)); fi
cp -a core.py app/click/core.py

step 'Plant: a module that Python would import by itself at each start.'
printf 'print("hello")\n' > app/sitecustomize.py
expect corrupted 10 "${verify[@]}"
rm app/sitecustomize.py

step 'Delete: one file.'
mv app/click/termui.py .
expect corrupted 10 "${verify[@]}"
mv termui.py app/click/

step 'Re-link: a symbolic link leads to another folder.'
ln -sfn rich app/current
expect corrupted 10 "${verify[@]}"
ln -sfn click app/current

step 'Re-link: a folder becomes a link to a folder with the same content.'
mv app/click click
ln -s ../click app/click
expect corrupted 10 "${verify[@]}"
rm app/click
mv click app/click

step 'Re-mode: one file becomes setuid and executable.'
chmod 4755 app/click/core.py
expect corrupted 10 "${verify[@]}"
chmod 0644 app/click/core.py

step 'Forge: change a file and seal the tree again with a key of your own.'
printf 'import os\n' >> app/click/core.py
duri keys new --out attacker.json > /dev/null
duri seal app --version 1.0.0 --product demo --keyring attacker.json --quiet
expect tampered 11 "${verify[@]}"
cp -a core.py app/click/core.py
rm -r app/.duri
cp -a sealed app/.duri

step 'Forge: write the digest of the changed file into checksums.json.'
printf 'import os\n' >> app/click/core.py
before=$(sha256sum < core.py) after=$(sha256sum < app/click/core.py)
sed -i "s/${before%% *}/${after%% *}/" app/.duri/checksums.json
expect tampered 11 "${verify[@]}"
cp -a core.py app/click/core.py
cp -a sealed/checksums.json app/.duri/

step 'Mix: take checksums.json and its signature from another release, sealed with the right key.'
duri seal app --version 1.1.0 --product demo --keyring keyring.json --artifacts other --quiet
cp other/checksums.json other/checksums.sig app/.duri/
expect tampered 11 "${verify[@]}"
cp -a sealed/checksums.json sealed/checksums.sig app/.duri/

step 'Go back: run this release where a later one was the floor.'
expect tampered 11 "${verify[@]}" --minimum-sequence 9000000000

step 'Loosen: ask the verifier to ignore the Python files; it reports that and does not obey.'
expect policy_changed 12 env DURI_INTEGRITY_EXCLUDES='*.py' "${verify[@]}"

step 'Loosen and edit at once: the edit still pages.'
printf 'import os\n' >> app/click/core.py
expect corrupted 10 env DURI_INTEGRITY_EXCLUDES='*.py' "${verify[@]}"
cp -a core.py app/click/core.py

step 'Lose the keyring: there is no answer, and no answer is a failure.'
expect unverifiable 13 duri verify app --keyring lost.json

step 'Everything was put back: the tree is what was released.'
expect verified 0 "${verify[@]}"

# Waits until the watcher has said something; shows its log where it does not, or ends before.
until_said() {
  local attempt
  for ((attempt = 0; attempt < 6000; attempt++)); do
    if grep -q "$1" watch.log; then return; fi
    if ! kill -0 "$watcher" 2> /dev/null; then break; fi
    sleep 0.01
  done
  printf 'demo: the watcher never said: %s\n' "$1" >&2
  cat watch.log >&2
  exit 1
}

step 'Watch it: a page for people, metrics for Prometheus, receipts for auditors.'
watch=(duri watch app --product demo --keyring public.json --listen 127.0.0.1:0
  --receipts receipts --textfile integrity.prom)
printf '$ %s &\n' "${watch[*]}"
"${watch[@]}" 2> watch.log &
watcher=$!
until_said 'event=watch.listening'
until_said 'event=watch.status status=verified'
address=$(sed -n 's/.*event=watch.listening address=//p' watch.log)
status=(duri status --url "$address")
expect verified 0 "${status[@]}"
printf 'The page is at %s\n' "$address"

step 'Edit a file while it is watched: nobody asks, and the watcher knows.'
before=${EPOCHREALTIME/[.,]/}
printf 'import os\n' >> app/click/core.py
until_said 'event=watch.status status=corrupted'
printf 'seen after %d ms\n' $(((${EPOCHREALTIME/[.,]/} - before) / 1000))
expect corrupted 10 "${status[@]}"

step 'Put it back.'
cp -a core.py app/click/core.py
until_said 'event=watch.status status=verified .*reason="it was corrupted"'
expect verified 0 "${status[@]}"

if [[ $wrong -ne 0 ]]; then
  printf '\ndemo: %d answers were wrong\n' "$wrong" >&2
  exit 1
fi
printf '\n%d steps, each answered as expected.\n' "$steps"

if [[ -t 0 && -t 1 ]]; then
  printf '\nThe watcher goes on. Open %s, change files in %s/app, and see.\n' "$address" "$work"
  printf 'Ctrl-C ends it and removes everything.\n'
  trap : INT
  wait "$watcher" || true
  trap - INT
  printf '\n'
fi
end_watcher
printf '\nWhat the watcher leaves: the signed record of its time.\n'
printf '$ duri receipts list receipts\n'
duri receipts list receipts
printf '$ duri receipts verify receipts\n'
duri receipts verify receipts | head -n 1
