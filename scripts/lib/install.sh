# shellcheck shell=bash
# Installs the packages that a script needs. Sourced by scripts/check and scripts/demo.

# What `need` found missing.
missing=()
policy_file=/usr/sbin/policy-rc.d

note() { printf '   %s\n' "$*"; }
give_up() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 2; }

# need PROGRAM PACKAGE: adds the package to what is missing, unless the program is there.
need() {
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/usr/lib/rabbitmq/bin/$1" ] || missing+=("$2")
}

# need_rust: gives up without a Rust toolchain, which is not installed by apt.
need_rust() {
    command -v cargo >/dev/null || give_up "there is no Rust toolchain. Install one as https://rustup.rs says, then run this again."
}

# install_missing: says what is missing and installs it with apt-get, as root or by sudo.
install_missing() {
    if [ ${#missing[@]} -eq 0 ]; then
        restore_policy
        return 0
    fi
    local packages="${missing[*]}" root=() by='apt-get'
    command -v apt-get >/dev/null || give_up "missing: $packages. Install them, then run this again."
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            give_up "missing: $packages. There is no sudo here: run \`apt-get install $packages\` as root, then run this again."
        root=(sudo) by='sudo apt-get'
    fi
    note "installing by $by: $packages"
    "${root[@]}" bash -c "$install_as_root" install "$policy_file" "${missing[@]}" </dev/null ||
        give_up "apt-get failed. Install $packages yourself, then run this again."
    missing=()
}

# restore_policy: puts back what an installation left that was killed when all packages were there.
restore_policy() {
    local root=()
    grep -qs '^# written by ai-agent' "$policy_file" ||
        { [ ! -e "$policy_file" ] && { [ -e "$policy_file.kept" ] || [ -L "$policy_file.kept" ]; }; } ||
        return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            note "an installation was killed and left $policy_file: as root, remove it, or move $policy_file.kept to it if there is one"
            return 0
        fi
        root=(sudo)
    fi
    note "putting back $policy_file, which an installation left that was killed"
    "${root[@]}" bash -c "$restore_as_root restore" restore "$policy_file" </dev/null ||
        note "that failed: as root, remove $policy_file, or move $policy_file.kept to it if there is one"
}

# What root needs to put the policy back: POLICY_FILE.
# shellcheck disable=SC2016 # It is expanded where it runs.
restore_as_root='
set -euo pipefail
policy=$1 kept=$1.kept
is_ours() { grep -qs "^# written by ai-agent" "$policy"; }
restore() {
    if is_ours; then rm -f "$policy"; fi
    if [ -e "$kept" ] || [ -L "$kept" ]; then mv -f "$kept" "$policy"; fi
}
'

# What root does: install POLICY_FILE PACKAGE...
# While it runs, policy-rc.d answers 101, so that no service of a package is started. A policy that was there before is
# put back whatever happens, and by the next run if this one was killed.
# shellcheck disable=SC2016 # It is expanded where it runs.
install_as_root="$restore_as_root"'
shift
trap restore EXIT
if { [ -e "$policy" ] || [ -L "$policy" ]; } && ! is_ours; then mv -f "$policy" "$kept"; fi
printf "#!/bin/sh\n# written by ai-agent: starts no service of the packages that it installs\nexit 101\n" >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >/dev/null
'
