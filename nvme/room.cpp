namespace ballast::nvme {}
