// Package clickhousetest starts real ClickHouse servers for tests: two, of which
// each holds half of what the first shows as one.
//
//	db := clickhousetest.New(t, "CREATE TABLE …")  // a database of its own, on both
//	src := clickhouse.New(clickhouse.Config{URL: db.URL()})
//
// A table that lies on both is made by Sharded. The servers listen on the loopback
// address alone and keep their files in temporary folders.
package clickhousetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Password is that of the users default, who may do all, and bound, who may only
// read and set nothing. It has what a URL has to escape.
const Password = "canary'p@ss/word of the test"

// cluster is the name under which the servers know each other.
const cluster = "pair"

// A Server is one ClickHouse.
type Server struct {
	folder  string
	port    int // of the native protocol
	http    int
	binary  string
	process *exec.Cmd
	exited  chan error
}

// A Pair is two servers that know each other.
type Pair struct {
	servers   [2]*Server
	folder    string
	databases int
}

// Binary is the path of the server's program; empty where it is not installed.
func Binary() string {
	if path, err := exec.LookPath("clickhouse-server"); err == nil {
		return path
	}
	const debians = "/usr/sbin/clickhouse-server" // not in everybody's path
	if _, err := os.Stat(debians); err == nil {
		return debians
	}
	return ""
}

func startPair() (p *Pair, err error) {
	folder, err := os.MkdirTemp("", "outturn-clickhouse-")
	if err != nil {
		return nil, err
	}
	p = &Pair{folder: folder}
	for i := range p.servers {
		s := &Server{folder: filepath.Join(folder, strconv.Itoa(i)), binary: Binary()}
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if s.http, err = freePort(); err != nil {
			return nil, err
		}
		p.servers[i] = s
	}
	for _, s := range p.servers {
		if err := s.configure(p); err != nil {
			return nil, err
		}
		if err := s.start(); err != nil {
			return nil, errors.Join(err, p.stop())
		}
	}
	return p, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// configure writes what the server reads at its start. Its zone is one with summer
// time, so that a test sees where instants and days are mistaken.
func (s *Server) configure(p *Pair) error {
	shards := ""
	for _, other := range p.servers {
		shards += fmt.Sprintf("<shard><replica><host>127.0.0.1</host><port>%d</port><user>default</user><password>%s</password></replica></shard>", other.port, xmlText(Password))
	}
	config := fmt.Sprintf(`<yandex>
<logger><level>warning</level><log>%[1]s/log</log><errorlog>%[1]s/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>%[2]d</tcp_port><http_port>%[5]d</http_port>
<path>%[1]s/data/</path><tmp_path>%[1]s/tmp/</tmp_path><user_files_path>%[1]s/files/</user_files_path>
<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<timezone>America/New_York</timezone><mark_cache_size>100000000</mark_cache_size>
<remote_servers><%[3]s>%[4]s</%[3]s></remote_servers>
</yandex>`, s.folder, s.port, cluster, shards, s.http)
	user := func(name, profile string) string {
		return fmt.Sprintf("<%[1]s><password>%[2]s</password><networks><ip>127.0.0.1</ip></networks><profile>%[3]s</profile><quota>default</quota></%[1]s>", name, xmlText(Password), profile)
	}
	users := "<yandex><profiles><default></default><bound><readonly>1</readonly></bound><cutting><result_overflow_mode>break</result_overflow_mode></cutting></profiles><users>" +
		user("default", "default") + user("bound", "bound") + user("cutting", "cutting") + "</users><quotas><default></default></quotas></yandex>"
	for _, folder := range []string{"data", "tmp", "files"} {
		if err := os.MkdirAll(filepath.Join(s.folder, folder), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(s.folder, "config.xml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(s.folder, "users.xml"), []byte(users), 0o600),
	)
}

func xmlText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func (s *Server) start() error {
	s.process = exec.Command(s.binary, "--config-file="+filepath.Join(s.folder, "config.xml"))
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func(p *exec.Cmd, exited chan<- error) { exited <- p.Wait() }(s.process, s.exited)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		_, err := s.exec(ctx, "default", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case exit := <-s.exited:
			text, _ := os.ReadFile(filepath.Join(s.folder, "errors"))
			return fmt.Errorf("ClickHouse ended: %w\n%s", errors.Join(exit, err), text)
		case <-ctx.Done():
			return fmt.Errorf("ClickHouse does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) stop() error {
	if s == nil || s.process == nil {
		return nil
	}
	if err := s.process.Process.Kill(); err != nil {
		return err
	}
	<-s.exited //nolint:errcheck // it was killed
	s.process = nil
	return nil
}

func (p *Pair) stop() error {
	return errors.Join(p.servers[0].stop(), p.servers[1].stop(), os.RemoveAll(p.folder))
}

// exec runs a statement as the user who may do all, by HTTP, which takes INSERT with
// VALUES, and returns what it gives.
func (s *Server) exec(ctx context.Context, database, sql string) (answer string, err error) {
	at := url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.http)), RawQuery: url.Values{"database": {database}}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth("default", Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(string(body))
	}
	return string(body), errors.Join(err, response.Body.Close())
}

// shared is the pair that the tests of a binary share.
var shared struct {
	sync.Mutex
	pair *Pair
}

// Run runs the tests of a binary whose tests use New:
//
//	func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }
func Run(m *testing.M) int {
	status := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.pair != nil {
		if err := shared.pair.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

// A DB is a database of the same name on both servers.
type DB struct {
	tb   testing.TB
	pair *Pair
	Name string
}

// New makes a database and runs statements in it on the first server. Where
// ClickHouse is not installed, the test is skipped.
func New(tb testing.TB, statements ...string) *DB {
	tb.Helper()
	if Binary() == "" {
		tb.Skip("ClickHouse's server is not installed (Debian: clickhouse-server)")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.pair == nil {
		pair, err := startPair()
		if err != nil {
			tb.Fatal(err)
		}
		shared.pair = pair
	}
	shared.pair.databases++
	db := &DB{tb, shared.pair, "test_" + strconv.Itoa(shared.pair.databases)}
	for i := range db.pair.servers {
		db.on(i, "default", "CREATE DATABASE "+db.Name)
	}
	db.Exec(statements...)
	return db
}

// URL is how the user who may do all reaches the database on the first server.
func (db *DB) URL() string { return db.URLOf("default", Password) }

// URLOf is URL for a user.
func (db *DB) URLOf(user, password string) string {
	u := url.URL{Scheme: "clickhouse", User: url.UserPassword(user, password), Host: db.Addr(), Path: "/" + db.Name}
	return u.String()
}

// Addr is where the first server listens.
func (db *DB) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(db.pair.servers[0].port))
}

// Exec runs statements on the first server.
func (db *DB) Exec(statements ...string) {
	db.tb.Helper()
	for _, sql := range statements {
		db.on(0, db.Name, sql)
	}
}

func (db *DB) on(server int, database, sql string) {
	db.tb.Helper()
	if _, err := db.pair.servers[server].exec(context.Background(), database, sql); err != nil {
		db.tb.Fatalf("%s: %v", sql, err)
	}
}

// Sharded makes a table of which each server holds those rows for which the
// statements of rows, one a server, are the INSERT … VALUES or SELECT of. columns is
// what stands in CREATE TABLE, rest what follows there.
func (db *DB) Sharded(table, columns, rest string, rows [2]string) {
	db.tb.Helper()
	for i := range db.pair.servers {
		db.on(i, db.Name, fmt.Sprintf("CREATE TABLE %s_part (%s) %s", table, columns, rest))
		if rows[i] != "" {
			db.on(i, db.Name, fmt.Sprintf("INSERT INTO %s_part %s", table, rows[i]))
		}
	}
	db.Exec(fmt.Sprintf("CREATE TABLE %s (%s) ENGINE = Distributed(%s, %s, %s_part)", table, columns, cluster, db.Name, table))
}

// Running counts the statements on both servers whose text or name has words in it.
func (db *DB) Running(words string) (n int) {
	db.tb.Helper()
	for _, s := range db.pair.servers {
		answer, err := s.exec(context.Background(), "default", "SELECT count() FROM system.processes WHERE concat(query_id, ' ', query) LIKE '%"+words+"%' AND query NOT LIKE '%system.processes%'")
		if err != nil {
			db.tb.Fatal(err)
		}
		here, err := strconv.Atoi(strings.TrimSpace(answer))
		if err != nil {
			db.tb.Fatal(err)
		}
		n += here
	}
	return n
}

// StopSecond takes the second server down, until the test ends.
func (db *DB) StopSecond() {
	db.tb.Helper()
	if err := db.pair.servers[1].stop(); err != nil {
		db.tb.Fatal(err)
	}
	db.tb.Cleanup(func() {
		if err := db.pair.servers[1].start(); err != nil {
			db.tb.Error(err)
		}
	})
}
