# small.awk - a cfg of the forks made small and without chance. -v size=N|WxH -v batch=N -v subdivisions=N -v rate=X
# batch is that of one forward pass. The rate is small, so that rounding errors stay small over three rounds.
BEGIN { sides = split(size, side, "x") }
{ sub(/\r$/, "") }
/^\[/ { section = $0; sub(/[ \t]+$/, "", section) }
section ~ /^\[net/ && /^[ \t]*(batch|subdivisions|width|height|burn_in|learning_rate)[ \t]*=/ { next }
section == "[dropout]" && /^[ \t]*probability[ \t]*=/ { print "probability=0"; next }
{ print }
/^\[net/ {
    print "batch=" batch * subdivisions
    print "subdivisions=" subdivisions
    print "width=" side[1]
    print "height=" side[sides]
    print "burn_in=0"
    print "learning_rate=" rate
}
