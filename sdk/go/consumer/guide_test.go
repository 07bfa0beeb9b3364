package consumer

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

// The code between the rulers is the troubleshooting guide's, with the name of the product changed and nothing else.

func guideClient() *valetkey.ValetkeyClient {
	// ------------------------------------------------------------------------------------------------------------
	// Enable debug logging
	valetkeyClient := valetkey.NewValetkeyClient(
		valetkey.WithClientID(os.Getenv("VALETKEY_CLIENT_ID")),
		valetkey.WithClientSecret(os.Getenv("VALETKEY_CLIENT_SECRET")),
		valetkey.WithEnvURL(os.Getenv("VALETKEY_ENV_URL")),
		valetkey.WithDebug(true), // Enable debug mode
	)
	// ------------------------------------------------------------------------------------------------------------
	return valetkeyClient
}

func guideStatus(valetkeyClient *valetkey.ValetkeyClient) {
	// ------------------------------------------------------------------------------------------------------------
	// Get connected account status
	account, err := valetkeyClient.Actions.GetConnectedAccount(
		context.Background(),
		"user_123",
		"gmail",
	)
	if err != nil {
		log.Printf("Error getting account: %v", err)
		return
	}

	fmt.Printf("Status: %s\n", account.Status)
	fmt.Printf("Provider: %s\n", account.ConnectionName)
	fmt.Printf("Created: %s\n", account.CreatedAt)
	fmt.Printf("Updated: %s\n", account.UpdatedAt)
	// ------------------------------------------------------------------------------------------------------------
}

func guideLink(valetkeyClient *valetkey.ValetkeyClient, account *valetkey.ConnectedAccount) {
	// ------------------------------------------------------------------------------------------------------------
	// Generate authorization link for pending account
	if account.Status == "PENDING" {
		linkResponse, err := valetkeyClient.Actions.GetAuthorizationLink(
			context.Background(),
			"gmail",
			"user_123",
		)
		if err != nil {
			log.Fatal(err)
		}

		fmt.Printf("Send this link to user: %s\n", linkResponse.Link)
	}
	// ------------------------------------------------------------------------------------------------------------
}

// The guide's connection is called gmail; here the simulator stands behind it.
func TestGuideSnippetsRun(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	sandbox, err := s.client().Connections.Get(ctx, "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client().Connections.Create(ctx, valetkey.NewConnection{
		Connector: "sandbox", Name: "gmail", ClientID: "valetkey-dev", ClientSecret: "unused", Overrides: &sandbox.Overrides,
	}); err != nil {
		t.Fatal(err)
	}
	for name, value := range s.env {
		if name != "VALETKEY_API_TOKEN" && name != "VALETKEY_URL" {
			t.Setenv(name, value)
		}
	}
	t.Setenv("VALETKEY_ENV_URL", s.env["VALETKEY_URL"])
	client := guideClient()
	account, err := client.Actions.GetOrCreateConnectedAccount(ctx, valetkey.NewAccount{Identifier: "user_123", ConnectionName: "gmail"})
	if err != nil {
		t.Fatal(err)
	}
	printed := capture(t, func() { guideStatus(client) })
	for _, piece := range []string{"Status: PENDING\n", "Provider: gmail\n", "Created: 20", "Updated: 20"} {
		if !strings.Contains(printed, piece) {
			t.Errorf("%q lacks %q", printed, piece)
		}
	}
	printed = capture(t, func() { guideLink(client, account) })
	if !strings.Contains(printed, "Send this link to user: "+s.env["VALETKEY_URL"]+"/connect/") {
		t.Errorf("%q", printed)
	}
}

// capture gives what a function prints.
func capture(t *testing.T, run func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	run()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
