#!/usr/bin/env bash
#
# Seals a release when GIT_TAG names one (anything but dev or main), then verifies, and exits with
# the verdict's code: 0 verified, 10 corrupted, 11 tampered, 12 policy_changed, 13 unverifiable;
# 1 for an unexpected failure and for every exit code that is none of these, 2 for wrong usage.
#
# The root is DURI_INTEGRITY_ROOT, or the working folder; every other setting is a DURI_… variable
# too (duri settings lists them). DURI_PYTHON names the Python that has DuRi, where duri is not on PATH.

set -euo pipefail

say() {
  printf 'ci_integrity_check: %s\n' "$1" >&2
}

# What duri is: the Python that was named, the command on PATH, or the first Python. Isolated (-I):
# the working folder is what is judged, so no module is imported from it.
find_duri() {
  if [[ -z ${DURI_PYTHON:-} ]] && command -v duri > /dev/null; then
    duri=(duri)
    return
  fi
  duri=("${DURI_PYTHON:-python3}" -I -m duri)
  if ! "${DURI_PYTHON:-python3}" -I -c 'import duri' > /dev/null 2>&1; then
    say "duri is neither on PATH nor in ${DURI_PYTHON:-python3}; install it, or set DURI_PYTHON"
    exit 1
  fi
}

# Ends with a code of DuRi's; one that it does not have is a failure.
finish() {
  local step=$1 code=$2
  case $code in
    0) say "$step: verified" ;;
    1) say "$step: failed unexpectedly" ;;
    2) say "$step: wrong usage or setting" ;;
    10) say "$step: corrupted: the files are not those that were released" ;;
    11) say "$step: tampered: the evidence is not authentic; page security" ;;
    12) say "$step: policy_changed: released under another policy than is asked for here" ;;
    13) say "$step: unverifiable: no verdict could be reached; treat it as failed" ;;
    *)
      say "$step: unknown exit code $code; treated as a failure"
      code=1
      ;;
  esac
  exit "$code"
}

main() {
  local root=${DURI_INTEGRITY_ROOT:-.} tag=${GIT_TAG:-} code=0
  find_duri
  case $tag in
    '' | dev | main) ;;
    *)
      # A tag may have slashes, as release/1.0; a version becomes part of file names.
      local version=${tag//\//-}
      say "sealing $root as $version"
      "${duri[@]}" seal --version="$version" -- "$root" || code=$?
      if ((code != 0)); then
        finish "seal of $tag" "$code"
      fi
      ;;
  esac
  "${duri[@]}" verify -- "$root" || code=$?
  finish "verify of $root" "$code"
}

main "$@"
