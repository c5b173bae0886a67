#!/bin/bash
# expect: FAIL network.value 9
# expect: FAIL network.value 10
# expect: WARN network.value 11
# expect: FAIL network.value 12
# expect: FAIL network.value 13
# expect: WARN network.value 14
# expect: nothing
export UCX_MEMTYPE_CACHE=false
export UCX_RNDV_SCHEME=zcopy
export UCX_LOG_LEVEL=warning
export OMPI_MCA_btl=^openib,^usnic
mpirun -np 16 -x OMPI_MCA_pml=ucx,^ob1 ./all_reduce_perf
export NEURON_RT_VISIBLE_CORES=0:31
