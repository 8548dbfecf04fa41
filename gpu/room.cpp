namespace ballast::gpu {}
