# AMI for AWS ParallelCluster, NVIDIA GPUs: ubuntu2404, x86_64.

locals {
  # An image is never overwritten: its name says when it was made.
  name    = "seatrial-ami-parallelcluster-gpu-ubuntu2404-x86_64-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  ansible = ["ANSIBLE_CONFIG=${path.root}/ansible/ansible.cfg", "ANSIBLE_NOCOLOR=1"]
  tags = {
    Name                           = "seatrial-ami-parallelcluster-gpu"
    "seatrial:image"               = "ami-parallelcluster-gpu"
    "seatrial:version"             = "0.1.0"
    "seatrial:stack"               = "cuda13"
    "seatrial:system"              = "ubuntu2404"
    "seatrial:parent"              = "{{ .SourceAMI }}"
    "seatrial:software"            = "efa_installer=1.50.0,libfabric=2.6.0amzn1.0,aws_ofi_nccl=1.21.1,cuda=13.0.3,nccl=2.29.7"
    "parallelcluster:version"      = "3.16.1"
    "parallelcluster:build_status" = "available"
    "parallelcluster:os"           = "ubuntu2404"
  }
}

source "amazon-ebs" "image" {
  region        = var.region
  subnet_id     = var.subnet_id
  instance_type = var.instance_type

  # https://docs.aws.amazon.com/parallelcluster/latest/ug/building-custom-ami-v3.html
  source_ami_filter {
    filters = var.parent_ami == null ? {
      name                = "aws-parallelcluster-3.16.1-ubuntu-2404-lts-hvm-x86_64-*"
      architecture        = "x86_64"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    } : { image-id = var.parent_ami }
    owners      = var.parent_ami == null ? ["amazon"] : ["amazon", "self"]
    most_recent = true
  }

  # By Session Manager: no port is open to anybody, and the key is made for this build alone.
  communicator              = "ssh"
  ssh_username              = "ubuntu"
  ssh_interface             = "session_manager"
  ssh_timeout               = "20m" # the agent registers minutes after the start
  temporary_key_pair_type   = "ed25519"
  ssh_clear_authorized_keys = true

  # What AmazonSSMManagedInstanceCore lets an instance do that has a session: no more.
  iam_instance_profile = var.iam_instance_profile
  dynamic "temporary_iam_instance_profile_policy_document" {
    for_each = var.iam_instance_profile == null ? [true] : []
    content {
      Version = "2012-10-17"
      Statement {
        Effect = "Allow"
        Action = [
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = ["*"]
      }
    }
  }

  # IMDSv2 alone: here, and by imds_support wherever the image is started.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"

  # A gp3 volume's 3,000 IOPS and 125 MB/s are what unpacking CUDA waits for; images start with gp3 again, at any rate.
  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = var.root_gib
    iops                  = 6000
    throughput            = 500
    encrypted             = var.encrypted
    kms_key_id            = var.kms_key_id
    delete_on_termination = true
  }

  ami_name        = local.name
  ami_description = "AMI for AWS ParallelCluster, NVIDIA GPUs"
  ami_users       = var.ami_users
  ami_regions     = var.ami_regions
  deprecate_at    = timeadd(timestamp(), "${var.deprecate_days * 24}h")
  run_tags        = merge(local.tags, { Name = "${local.name}, being made" })
  tags            = local.tags
  # Copying snapshots of 100 GiB between regions takes longer than the hour that is waited for by default.
  aws_polling {
    delay_seconds = 30
    max_attempts  = 240
  }
}

build {
  sources = ["source.amazon-ebs.image"]

  # The system's own set-up installs packages, too, and holds the lock of apt or dnf. 2: done, with warnings.
  provisioner "shell" {
    inline           = ["cloud-init status --wait"]
    valid_exit_codes = [0, 2]
  }

  provisioner "ansible" {
    playbook_file    = "${path.root}/ansible/playbook.yml"
    user             = "ubuntu"
    ansible_env_vars = local.ansible
  }

  # So that what is tested is what an instance starts with: kernel and modules that were installed above.
  provisioner "shell" {
    inline            = ["sudo systemctl reboot"]
    expect_disconnect = true
    pause_after       = "30s"
  }

  # Versions that are there against those of the stack.
  provisioner "file" {
    source       = "${path.root}/self_test"
    destination  = "/tmp"
    pause_before = "10s"
  }
  provisioner "shell" {
    script = "${path.root}/self_test.sh"
  }

  # https://docs.aws.amazon.com/parallelcluster/latest/ug/building-custom-ami-v3.html
  provisioner "shell" {
    inline = ["sudo /usr/local/sbin/ami_cleanup.sh"]
  }

  provisioner "ansible" {
    playbook_file    = "${path.root}/ansible/cleanup.yml"
    user             = "ubuntu"
    ansible_env_vars = local.ansible
  }

  post-processor "manifest" {
    output     = "manifest.json"
    strip_path = true
  }
}
