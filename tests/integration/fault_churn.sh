#!/bin/bash
# Churn, a minute of it: workers and the server are killed, stopped and started again, links are cut; see scripts/churn for what must hold.
# So short a run has learned half of it, with few events: goodput and accuracy have wider bounds than in the half hour of `make churn`.
# Runs alone: it measures rounds.
exec "$(dirname "$0")/../../scripts/churn" --for 60 --goodput 60 --accuracy 5
