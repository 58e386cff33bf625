# nova: completions for fish. nova completions fish > ~/.config/fish/completions/nova.fish
complete -c nova -f -a '(nova complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
