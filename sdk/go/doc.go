// Package valetkey is the client of a Valetkey server, which gives AI agents safe use of their users' accounts at
// Gmail, Slack, GitHub and others.
//
//	client := valetkey.NewValetkeyClient(
//		valetkey.WithEnvURL("https://valetkey.example.com"),
//		valetkey.WithClientID(os.Getenv("VALETKEY_CLIENT_ID")),
//		valetkey.WithClientSecret(os.Getenv("VALETKEY_CLIENT_SECRET")),
//	)
//	link, err := client.Actions.GetAuthorizationLink(ctx, "gmail", "user_123")
//	// … the user opens link.Link …
//	result, err := client.Actions.ExecuteTool(ctx, valetkey.ToolCall{
//		ToolName:   "gmail_get_profile",
//		Identifier: "user_123",
//	})
//
// What is not given is taken from the variables VALETKEY_URL, VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET,
// VALETKEY_API_TOKEN and VALETKEY_CA_FILE.
//
// A client is safe for use by many goroutines and is meant to be kept: it holds connections and the access token.
//
// # Errors
//
// Every error is of one tree whose root is [ValetkeyError]; errors.As asks for any node of it. Its text says what
// happened, why and what to do, with the request id.
//
// # Repetition
//
// Calls that may be repeated are, up to three times, with full jitter, and as long as the server asks to wait: those
// that only read, and tool calls, which carry an Idempotency-Key so that the tool runs once. A call that never reached
// the server is repeated whatever it is. Every call has 60 seconds in all ([WithTimeout]), or less if its context says.
//
// # Logging
//
// [WithDebug] and [WithLogger] log each request and answer at level debug. Tokens, secrets, links and bodies are never
// logged.
package valetkey
