# SPDX-License-Identifier: BSD-2-Clause
# bash completion for the daemons and for pmacct. What there is to complete is asked of the programs themselves: flags
# are those of -h, fields those of -a, keys those of --explain. (zsh: autoload bashcompinit, then source this file.)

_pmacct_flags() { "$1" -h 2>/dev/null | sed -nE 's/^ +(-[A-Za-z0-9]|--[a-z-]+)( .*)?$/\1/p' | sort -u; }
_pmacct_keys() { "$1" --explain "${2:-_}" 2>/dev/null | sed -nE 's/^([a-z0-9_]+)  .*/\1/p'; }
_pmacct_fields() { "$1" -a 2>/dev/null | sed -nE 's/^([a-z0-9_]+) +: .*/\1/p'; }
_pmacct_plugins() { "$1" -V 2>/dev/null | sed -n '/^Plugins:/,/^$/{/:/d;p}'; }

# Words that go on after a comma: those before it stay.
_pmacct_list() { # CURRENT WORDS...
    local done=
    case $1 in *,*) done=${1%,*}, ;; esac
    compgen -P "$done" -W "${*:2}" -- "${1##*,}"
}

_pmacct() {
    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $previous in
    -c) mapfile -t COMPREPLY < <(_pmacct_list "$current" "$(_pmacct_fields "$program")"); return ;;
    -P) mapfile -t COMPREPLY < <(_pmacct_list "$current" "$(_pmacct_plugins "$program")"); return ;;
    --explain) mapfile -t COMPREPLY < <(compgen -W "$(_pmacct_keys "$program" "$current")" -- "$current"); return ;;
    --print-schema) mapfile -t COMPREPLY < <(compgen -W "sqlite3 pgsql mysql" -- "$current"); return ;;
    -O) mapfile -t COMPREPLY < <(compgen -W "formatted csv json event_formatted event_csv" -- "$current"); return ;;
    -T) [ "${program##*/}" = pmacct ] && mapfile -t COMPREPLY < <(compgen -W "bytes packets flows" -- "$current") && return ;;
    -i) case ${program##*/} in pmacctd) mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net)" -- "$current"); return ;; esac ;;
    esac
    case $current in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(_pmacct_flags "$program")" -- "$current") ;;
    *) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}

complete -F _pmacct pmacct nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd
