# bash completion of lgrun; made by: lgrun completion bash

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
