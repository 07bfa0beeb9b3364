module github.com/valetkey/valetkey/sdk/go

go 1.24
