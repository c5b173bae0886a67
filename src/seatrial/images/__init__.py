"""Images: what containers and machines have installed, made of the version table.

`containers` makes Dockerfiles of cases, `machines` Packer's templates and Ansible's roles, `building` has them built,
pushed and imported by the tools that are there, and `records` knows what there is.
"""
