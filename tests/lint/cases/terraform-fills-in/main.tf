user_data = templatefile("${path.module}/bootstrap.sh", { cluster = var.cluster })
