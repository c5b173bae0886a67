# expect: WARN versions.below-floor 4
# expect: WARN docker.loader-path 5
# expect: nothing
FROM public.ecr.aws/hpc-cloud/nccl-tests:cuda12.8.1-efa1.43.2-ofiv1.16.3-ncclv2.28.7-1-testsv2.16.9
ENV LD_LIBRARY_PATH=/opt/conda/lib PATH=/opt/conda/bin:$PATH
FROM public.ecr.aws/hpc-cloud/nccl-tests:cuda12.8.1-efa1.43.2-ofiv1.16.3-ncclv2.28.7-1-testsv2.16.9
ENV LD_LIBRARY_PATH=/opt/conda/lib:${LD_LIBRARY_PATH}
CMD ['never']
CMD ["bash"]
