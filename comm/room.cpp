namespace ballast::comm {}
