// Command assistant shows the life of a connected account against a development server: connect it in the browser,
// call a tool, have the provider take the access away, see what the error says, ask for a diagnosis, recover.
//
//	./x dev                                   # in one terminal
//	set -a; . .valetkey/env; set +a           # in another, in the same folder
//	cd sdk/go/examples/assistant && go run .
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

const (
	user       = "user_123"
	connection = "sandbox"
)

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	// Everything comes from the environment that `./x dev` writes.
	client := valetkey.NewValetkeyClient()
	if err := client.Err(); err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, client); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *valetkey.ValetkeyClient) error {
	fmt.Println("1. Connect")
	account, err := client.Actions.GetOrCreateConnectedAccount(ctx, valetkey.NewAccount{Identifier: user, ConnectionName: connection})
	if err != nil {
		return err
	}
	if account.Status != valetkey.StatusActive {
		link, err := client.Actions.GetAuthorizationLink(ctx, connection, user)
		if err != nil {
			return err
		}
		if err := authorize(ctx, client, link.Link); err != nil {
			return err
		}
	}

	fmt.Println("2. Call a tool")
	profile := valetkey.ToolCall{ToolName: "sandbox_get_profile", Identifier: user, ConnectionName: connection}
	result, err := client.Actions.ExecuteTool(ctx, profile)
	if err != nil {
		return err
	}
	fmt.Println("   the provider says:", result.Data)

	fmt.Println("3. The provider takes the access away")
	if err := breakIt(ctx, client); err != nil {
		return err
	}
	_, err = client.Actions.ExecuteTool(ctx, profile)
	var inactive *valetkey.AccountNotActiveError
	if !errors.As(err, &inactive) {
		return fmt.Errorf("the call should have failed because of the account, but: %w", err)
	}
	fmt.Println("   ", err)

	fmt.Println("4. Diagnose")
	diagnosis, err := client.Actions.Diagnose(ctx, valetkey.DiagnosisRequest{ConnectedAccountID: inactive.AccountID})
	if err != nil {
		return err
	}
	fmt.Printf("   %s: %s\n", diagnosis.Verdict, diagnosis.Summary)
	for _, finding := range diagnosis.Findings {
		fmt.Printf("   - %s (%s): %s Whose move: %s.\n", finding.Code, finding.Confidence, finding.Message, finding.Actor)
	}

	fmt.Println("5. Recover with the link that came with the error")
	if err := authorize(ctx, client, inactive.AuthorizationLink()); err != nil {
		return err
	}
	if _, err := client.Actions.ExecuteTool(ctx, profile); err != nil {
		return err
	}
	fmt.Println("   the tool works again")
	return nil
}

// authorize asks the user to open a link, and waits until the account is active.
func authorize(ctx context.Context, client *valetkey.ValetkeyClient, link string) error {
	fmt.Printf("   Open this in a browser, press Continue, then Allow:\n   %s\n", link)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for {
		account, err := client.Actions.GetConnectedAccount(ctx, user, connection)
		if err != nil {
			return err
		}
		if account.Status == valetkey.StatusActive {
			fmt.Println("   connected as", account.Label)
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("nobody opened the link")
		case <-time.After(time.Second):
		}
	}
}

// breakIt has the simulator revoke every grant, as a user does in the settings of a provider.
func breakIt(ctx context.Context, client *valetkey.ValetkeyClient) error {
	sandbox, err := client.Connections.Get(ctx, connection)
	if err != nil {
		return err
	}
	simulator, _, found := strings.Cut(sandbox.Overrides.AuthorizeURL, "/oauth/")
	if !found {
		return errors.New("behind this connection is no simulator: start the server with ./x dev")
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(os.Getenv("VALETKEY_CA_FILE"))
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(pem)
	control := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	answer, err := control.Post(simulator+"/_sim/revoke-grants", "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the simulator answered %s", answer.Status)
	}
	return nil
}
