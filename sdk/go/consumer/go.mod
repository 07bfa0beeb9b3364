module github.com/valetkey/valetkey/sdk/go/consumer

go 1.24

require github.com/valetkey/valetkey/sdk/go v0.1.0
