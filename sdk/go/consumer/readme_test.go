package consumer

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's five minutes work as they are printed there.
func TestFiveMinutesOfTheReadmeWorkAsPrinted(t *testing.T) {
	readme, err := os.ReadFile(os.Getenv("VALETKEY_README"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no program")
	}
	main := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(main, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t)
	binary := filepath.Join(t.TempDir(), "first")
	if said, err := exec.Command("go", "build", "-o", binary, main).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	first := exec.Command(binary)
	first.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
	for name, value := range s.env {
		first.Env = append(first.Env, name+"="+value)
	}
	output, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	first.Stderr = os.Stderr
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if _, link, ok := strings.Cut(lines.Text(), "press Enter: "); ok {
			s.authorize(link, "ada")
			if _, err := io.WriteString(input, "\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := first.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if !strings.Contains(said.String(), "ada@example.com") {
		t.Error(said.String())
	}
}
