#!/bin/bash
# expect: nothing
/opt/bootstrap --cluster "${cluster}"
