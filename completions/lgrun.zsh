#compdef lgrun
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
