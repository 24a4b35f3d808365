# small.awk - a cfg of the forks made small and without chance. -v size=N -v batch=N -v subdivisions=N -v rate=X
# batch is that of one forward pass. The rate is small, so that rounding errors stay small over three rounds.
{ sub(/\r$/, "") }
/^\[/ { section = $0; sub(/[ \t]+$/, "", section) }
section ~ /^\[net/ && /^[ \t]*(batch|subdivisions|width|height|burn_in|learning_rate)[ \t]*=/ { next }
section == "[dropout]" && /^[ \t]*probability[ \t]*=/ { print "probability=0"; next }
{ print }
/^\[net/ {
    print "batch=" batch * subdivisions
    print "subdivisions=" subdivisions
    print "width=" size
    print "height=" size
    print "burn_in=0"
    print "learning_rate=" rate
}
