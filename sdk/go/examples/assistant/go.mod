module github.com/valetkey/valetkey/sdk/go/examples/assistant

go 1.24

require github.com/valetkey/valetkey/sdk/go v0.1.0

replace github.com/valetkey/valetkey/sdk/go => ../..
