// Command pack makes the module's zip, as a module proxy would serve it: pack MODULE_FOLDER VERSION PROXY_FOLDER.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: pack MODULE_FOLDER VERSION PROXY_FOLDER")
	}
	if err := pack(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func pack(folder, version, proxy string) error {
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	named := module.Version{Path: modfile.ModulePath(mod), Version: version}
	escaped, err := module.EscapePath(named.Path)
	if err != nil {
		return err
	}
	at := filepath.Join(proxy, escaped, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	// It refuses what a repository must not hold, and leaves out modules that lie within.
	if err := zip.CreateFromDir(file, named, folder); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	for name, text := range map[string]string{
		version + ".mod":  string(mod),
		version + ".info": `{"Version":` + strconv.Quote(version) + `}`,
		"list":            version + "\n",
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	fmt.Println(file.Name())
	return nil
}
