"""Building, pushing and importing images, by the programs that are there and by AWS's services."""
