#!/bin/bash
# expect: nothing of shell.*
make -C "/src/plugin-$PLUGIN_VERSION" install PREFIX="$INSTALL_PREFIX"
