#!/bin/bash
# Starts one trainer on each node, without srun's help.
nodes=(node-1 node-2)
for rank in 0 1; do
    ssh "${nodes[$rank]}" true
    srun --nodes=1 --nodelist="${nodes[$rank]}" \
        torchrun --nnodes=2 --node_rank=0 --nproc_per_node=8 /fsx/code/train.py &
done
wait

cat <<'EOF' > /fsx/jobs/evaluate.sbatch
#!/bin/bash
#SBATCH --nodes=1
#SBATCH --gres=gpu:4
#SBATCH --gpus-per-node=4
srun torchrun --nproc_per_node=8 /fsx/code/evaluate.py
EOF
