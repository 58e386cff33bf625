# nova: completions for fish. nova completions fish > ~/.config/fish/completions/nova.fish
function __nova_complete
    set -l words (commandline -opc)[2..] (commandline -ct)
    set -l candidates (nova complete -- $words 2>/dev/null)
    if set -q candidates[1]
        printf '%s\n' $candidates
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c nova -f -a '(__nova_complete)'
