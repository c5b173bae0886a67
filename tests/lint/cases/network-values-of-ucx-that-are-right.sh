#!/bin/bash
# expect: nothing of network.*
export UCX_MEMTYPE_CACHE=n UCX_RNDV_SCHEME=get_zcopy UCX_LOG_LEVEL=info UCX_TLS=tcp,self
export OMPI_MCA_btl=^openib,usnic OMPI_MCA_pml=ob1 OMPI_MCA_btl_tcp_if_exclude=lo,docker0
export NEURON_RT_VISIBLE_CORES=0-31 NEURON_RT_LOG_LEVEL=INFO NEURON_RT_EXEC_TIMEOUT=600
mpirun -np 16 ./all_reduce_perf
