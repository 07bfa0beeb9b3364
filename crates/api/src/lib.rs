//! Wire types: the compatible gRPC API and its HTTP rules.
