#!/bin/bash
# expect: nothing of slurm.*
EXTRA=${1:-}
cat > /fsx/probe.sbatch <<EOT
#!/bin/sh

$EXTRA
#SBATCH --nodes=2
#SBATCH --time=00:05:00

srun hostname
EOT
sbatch /fsx/probe.sbatch
