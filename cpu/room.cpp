namespace ballast::cpu {}
