#!/usr/bin/env bash
echo report "$@"
