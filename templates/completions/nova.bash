# nova: completions for bash. Put this into ~/.bashrc: source <(nova completions bash)
_nova() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}"
    local words last
    IFS=' ' read -ra words <<<"$line"
    [[ $line == *' ' ]] && words+=("")
    COMPREPLY=($(nova complete -- "${words[@]:1}" 2>/dev/null | cut -f 1))
    # Bash takes what is behind the sign for a word of its own.
    last="${words[${#words[@]} - 1]}"
    [[ $last == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${last%%=*}="}")
    return 0
}
complete -o default -F _nova nova
