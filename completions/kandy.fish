# Completion for fish: the program itself names the candidates (lib/cli/complete.c has the format).

function __kandy_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l prefix ''
    set -l value "$current"
    if string match -q -- '--*=*' "$current"
        set prefix (string replace -r '=.*' '=' -- "$current")
        set value (string replace -r '^[^=]*=' '' -- "$current")
    end
    for line in (kandy help --emit complete -- $before "$current" 2>/dev/null)
        switch $line
            case :file
                printf "$prefix%s\n" (__fish_complete_path "$value")
            case :dir
                printf "$prefix%s\n" (__fish_complete_directories "$value" '')
            case :command
                __fish_complete_command
            case :host
                printf "$prefix%s\n" (__fish_print_hostnames)
            case ':wrapped *'
                set -l at (math (string replace ':wrapped ' '' -- $line) + 1)
                complete -C "$(string escape -- $before[$at..-1] | string join ' ') $current"
            case '*'
                printf "$prefix%s\n" $line
        end
    end
end

complete -c kandy -f -a '(__kandy_complete)'
for name in (kandy help --emit commands 2>/dev/null)
    complete -c kandy-$name -f -a '(__kandy_complete)'
end
