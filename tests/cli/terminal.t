#!/usr/bin/env bash
# JSON on a terminal: what strangers write does not steer it, and is the same value; in a pipe, bytes stay as they are.
. "${0%/*}/../lib/tap.sh"
sandbox

# DEL, NEL, CSI, a right-to-left override, an isolate, a line separator; and what is nobody's danger
printf 'del \x7f nel \u0085 csi \u009b31m rlo \u202e lri \u2066 ls \u2028 end \u00e9\u2713' >text
controls=$(printf '\x7f|\u0085|\u009b|\u202e|\u2066|\u2028')
as bob kandy subscribe -q chat >/dev/null

# on_terminal COMMAND: what it prints there is in `screen`, the JSON lines of it, without the terminal's own \r, in `lines`
on_terminal() {
	rm -f screen
	timeout "$patience" script -qec "XDG_STATE_HOME=$scratch/state-bob $1" screen </dev/null >/dev/null 2>&1
	sed -n 's/\r$//; /^["{]/p' screen >lines
}
texts() { jq -r 'if type == "string" then . else .parts[]?.text end' "$1"; }
shown() { # NAME
	unlike lines "$controls" "$1: no control character on a terminal"
	is "$(texts lines)" "$(cat text)" "$1: the text is unchanged"
	like lines "$(printf '\u00e9\u2713')" 'what is harmless is as it was'
}

as alice kandy send -q -t bob@sandbox.example <text >/dev/null
on_terminal 'kandy history alice@sandbox.example'
shown 'history'
on_terminal 'kandy listen --once --since all'
shown 'listen'
on_terminal "kandy listen --once --since all --jq '.parts[].text'"
shown 'listen --jq'
on_terminal 'kandy listen --once --since all --format text'
unlike screen "$controls" 'listen --format text: no control character either'
like screen 'del  nel  csi 31m rlo  lri  ls  end' 'they are left out'

as bob kandy history alice@sandbox.example >"$out"
like "$out" "$controls" 'in a pipe or a file, bytes are as they are'
is "$(texts "$out")" "$(cat text)" 'the same text'
as bob kandy listen --once --since all >"$out"
like "$out" "$controls" 'listen, too'
# ---- progress on the same terminal ----

fresh_sandbox --fault 'POST messages 1:reset'
timeout "$patience" script -qec "XDG_STATE_HOME=$scratch/state-alice kandy send -t bob@sandbox.example -m hi --settle-time 1s --retry-delay 10ms" \
	screen </dev/null >/dev/null 2>&1
like screen 'response lost; checking the history for 1 s' 'the wait for the history is shown'
like screen $'\r\x1b\\[K[{]"event":"sent"' 'the progress is erased before a line is printed'

finish
