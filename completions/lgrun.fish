# fish completion of lgrun; made by: lgrun completion fish

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
