"""Machine images: templates for Packer and EC2 Image Builder, roles for Ansible."""
