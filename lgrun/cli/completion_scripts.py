"""The completion scripts. They ask `lgrun __complete WORD...`, which answers a candidate and a description per line."""

_BASH = r"""# bash completion of lgrun; made by: lgrun completion bash

_lgrun() {
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} words current value description cut=""
    COMPREPLY=()
    # Without -r: a backslash keeps a space inside its word.
    read -a words <<<"$line"
    case $line in *[[:space:]]) words+=("") ;; esac
    current=${words[${#words[@]} - 1]}
    # Bash completes only what stands behind the last of these characters.
    case $COMP_WORDBREAKS in *=*) case $current in *=*) cut=${current%"${current##*=}"} ;; esac ;; esac
    case $COMP_WORDBREAKS in *:*)
        case ${current#"$cut"} in *:*) cut=${current%"${current##*:}"} ;; esac ;;
    esac
    while IFS=$'\t' read -r value description; do
        case $value in
            :files) compopt -o filenames 2>/dev/null
                while read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "${current#"$cut"}") ;;
            *[=/]) compopt -o nospace 2>/dev/null
                COMPREPLY+=("${value#"$cut"}") ;;
            *) printf -v value %q "${value#"$cut"}"
                COMPREPLY+=("$value") ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _lgrun lgrun
"""

_ZSH = r"""#compdef lgrun
# zsh completion of lgrun; made by: lgrun completion zsh

_lgrun() {
    local -a closed open
    local line value description files
    for line in "${(@f)$(lgrun __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        value=${line%%$'\t'*}
        description=${line#*$'\t'}
        case $value in
            '') ;;
            :files) files=1 ;;
            *[=/]) open+=("${value//:/\\:}:$description") ;;
            *) closed+=("${value//:/\\:}:$description") ;;
        esac
    done
    (( $#closed )) && _describe -V lgrun closed
    (( $#open )) && _describe -V lgrun open -S ''
    [[ -n $files ]] && _files
}

if [[ $funcstack[1] == _lgrun ]]; then
    _lgrun "$@"
else
    compdef _lgrun lgrun
fi
"""

_FISH = r"""# fish completion of lgrun; made by: lgrun completion fish

function __lgrun_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (lgrun __complete $words[2..] "$current" 2>/dev/null)
        if string match -q ':files*' -- $line
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end

complete -c lgrun -f -a '(__lgrun_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
