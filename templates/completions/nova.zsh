#compdef nova
# nova: completions for zsh. Put this into ~/.zshrc, behind compinit: source <(nova completions zsh)
_nova() {
    local -a candidates
    local line
    while IFS= read -r line; do
        if [[ $line == *$'\t'* ]]; then
            candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            candidates+=("${line//:/\\:}")
        fi
    done < <(nova complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#candidates} )); then
        _describe nova candidates
    else
        _files
    fi
}
compdef _nova nova
