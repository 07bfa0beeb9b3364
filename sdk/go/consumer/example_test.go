package consumer

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExampleGoesThroughItsWholeStory(t *testing.T) {
	s := start(t)
	folder := filepath.Join(os.Getenv("VALETKEY_EXAMPLES"), "assistant")
	binary := filepath.Join(t.TempDir(), "assistant")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = folder
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	example := exec.Command(binary)
	example.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
	for name, value := range s.env {
		example.Env = append(example.Env, name+"="+value)
	}
	output, err := example.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	example.Stderr = os.Stderr
	if err := example.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		said.WriteString(line + "\n")
		if strings.HasPrefix(line, s.env["VALETKEY_URL"]+"/connect/") {
			s.authorize(line, "ada")
		}
	}
	if err := example.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for _, piece := range []string{"connected as ada@example.com", "account_revoked", "broken: ", "Whose move: end_user.", "the tool works again"} {
		if !strings.Contains(said.String(), piece) {
			t.Errorf("lacks %q:\n%s", piece, said.String())
		}
	}
}
