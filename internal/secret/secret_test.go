package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"outturn"
	"outturn/internal/secret"
)

func TestTextDoesNotPrint(t *testing.T) {
	const canary = "canary-7f3a"
	type settings struct {
		Key   secret.Text
		Keys  []secret.Text
		Named map[string]secret.Text
	}
	s := settings{canary, []secret.Text{canary}, map[string]secret.Text{"a": canary}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s.Key, "all", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s.Key, "all", s)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	printed := log.String() + string(text) + fmt.Sprintln(s.Key, s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
		printed += fmt.Sprintf(verb, s.Key) + fmt.Sprintf(verb, s)
	}
	printed += fmt.Errorf("with %s", s.Key).Error()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(printed, form) {
			t.Errorf("it prints: %s", printed)
		}
	}
	if !strings.Contains(printed, "***") {
		t.Errorf("no mask in %s", printed)
	}
	if got := s.Key.Reveal(); got != canary {
		t.Errorf("got %q revealed", got)
	}
}

func TestToken(t *testing.T) {
	a, b := secret.NewToken("ot_").Reveal(), secret.NewToken("ot_").Reveal()
	if a == b || len(a) != len("ot_")+43 || !strings.HasPrefix(a, "ot_") {
		t.Errorf("got %q and %q", a, b)
	}
	if !secret.Equal(secret.Hash(a), secret.Hash(a)) || secret.Equal(secret.Hash(a), secret.Hash(b)) || secret.Equal(secret.Hash(a), "") {
		t.Error("hashes do not compare")
	}
	if got, want := secret.Hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func keyring(t testing.TB, keys ...[]byte) *secret.Keyring {
	t.Helper()
	k, err := secret.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k *secret.Keyring, purpose, plain string) []byte {
	t.Helper()
	sealed, err := k.Seal(purpose, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSeal(t *testing.T) {
	old, fresh := secret.NewKey(), secret.NewKey()
	k := keyring(t, old)
	sealed := seal(t, k, "auth.signing", "the seed")
	if bytes.Contains(sealed, []byte("the seed")) {
		t.Fatal("it is not sealed")
	}
	if bytes.Equal(sealed, seal(t, k, "auth.signing", "the seed")) {
		t.Error("the same value is sealed to the same bytes: the nonce is not random")
	}
	for name, k := range map[string]*secret.Keyring{"Same": k, "Rotated": keyring(t, fresh, old)} {
		if plain, err := k.Open("auth.signing", sealed); err != nil || string(plain) != "the seed" {
			t.Errorf("%s: got %q, %v", name, plain, err)
		}
	}
	for name, open := range map[string]func() ([]byte, error){
		"WrongPurpose": func() ([]byte, error) { return k.Open("auth.signin", sealed) },
		"NoPurpose":    func() ([]byte, error) { return k.Open("", sealed) },
		"OtherKey":     func() ([]byte, error) { return keyring(t, fresh).Open("auth.signing", sealed) },
		"Empty":        func() ([]byte, error) { return k.Open("auth.signing", nil) },
		"HeadOnly":     func() ([]byte, error) { return k.Open("auth.signing", sealed[:5]) },
		"Short":        func() ([]byte, error) { return k.Open("auth.signing", sealed[:len(sealed)-1]) },
		"Long":         func() ([]byte, error) { return k.Open("auth.signing", append(bytes.Clone(sealed), 0)) },
	} {
		if plain, err := open(); !errors.Is(err, secret.ErrSealed) || plain != nil {
			t.Errorf("%s: got %q, %v", name, plain, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if plain, err := k.Open("auth.signing", changed); !errors.Is(err, secret.ErrSealed) || plain != nil {
			t.Errorf("byte %d changed: got %q, %v", i, plain, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := keyring(f, bytes.Repeat([]byte{7}, secret.KeyBytes))
	f.Add("p", seal(f, k, "p", "plain"))
	f.Add("", []byte{1})
	f.Fuzz(func(t *testing.T, purpose string, sealed []byte) {
		if plain, err := k.Open(purpose, sealed); err == nil && string(plain) != "plain" {
			t.Errorf("%x opened to %q", sealed, plain)
		}
	})
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := secret.OpenKeyFile(path, false); outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Fatalf("absent: got %v", err)
	}
	var wait sync.WaitGroup
	rings := make([]*secret.Keyring, 8)
	for i := range rings {
		wait.Go(func() {
			var err error
			if rings[i], err = secret.OpenKeyFile(path, true); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	sealed := seal(t, rings[0], "p", "plain")
	for _, k := range rings[1:] {
		if _, err := k.Open("p", sealed); err != nil {
			t.Error("two who made the file at once got different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("there is more than the key file: %v", files)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.OpenKeyFile(path, true); outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: got %v", mode, err)
		}
	}
}

func TestKeyFileBroken(t *testing.T) {
	for name, text := range map[string]string{
		"Empty": "", "Comment": "# nothing\n", "NoBase64": "canary-7f3a!\n", "Short": "Y2FuYXJ5LTdmM2E=\n",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := secret.OpenKeyFile(path, true)
		if outturn.ErrorCode(err) != outturn.CodeInvalid || strings.Contains(err.Error(), "anary") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
