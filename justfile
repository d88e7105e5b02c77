# Forwards to scripts/, which work without just.

# The virtual environment and the local validator
setup:
    scripts/setup

# The program, its IDL and everything generated from it
build:
    scripts/build_program
    scripts/export_idl
    scripts/generate

# Format, lints, types and import directions, without running anything
check:
    scripts/test --only static

# Everything
test *options:
    scripts/test {{options}}

# A market's life on a local validator
quickstart *options:
    scripts/quickstart {{options}}

# The engine beside peers and physical floors
bench *options:
    scripts/bench {{options}}
