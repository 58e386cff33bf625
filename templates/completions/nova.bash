# nova: completions for bash. Put this into ~/.bashrc: source <(nova completions bash)
_nova() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}"
    local words
    IFS=' ' read -ra words <<<"$line"
    [[ $line == *' ' ]] && words+=("")
    COMPREPLY=($(nova complete -- "${words[@]:1}" 2>/dev/null | cut -f 1))
}
complete -o default -F _nova nova
