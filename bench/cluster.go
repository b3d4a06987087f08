package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"outturn/internal/source/postgres/postgrestest"
)

//go:embed orders.postgres.sql
var ordersPostgresSQL string

// A cluster is the PostgreSQL of the benchmark. It is started when it is first asked
// for; its data stay in the folder of output, so that nothing is loaded twice.
type cluster struct {
	*postgrestest.Server
	psql string
}

// clusterSettings keep the server from being the disk's, or another process's,
// benchmark: tables stay in memory, one backend works for one connection, and
// two readings of a table yield its rows in the same order.
var clusterSettings = []string{
	"shared_buffers=4GB", "work_mem=64MB", "max_parallel_workers_per_gather=0", "synchronize_seqscans=off",
	"TimeZone=UTC", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=8GB", "maintenance_work_mem=256MB",
}

func (b *bench) cluster() (*cluster, error) {
	if b.postgres != nil {
		return b.postgres, nil
	}
	s, err := postgrestest.Start(filepath.Join(b.dir, "postgres"), clusterSettings...)
	if err != nil {
		return nil, err
	}
	b.postgres = &cluster{Server: s}
	b.postgres.psql, err = findPsql()
	return b.postgres, err
}

// findPsql prefers the program itself to the script that Debian puts on the path,
// whose start would be in psql's time.
func findPsql() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
	if err == nil && len(found) > 0 {
		return slices.Max(found), nil
	}
	return exec.LookPath("psql")
}

func (c *cluster) stop() {
	if c != nil {
		if err := c.Stop(syscall.SIGINT); err != nil {
			fmt.Fprintln(os.Stderr, "bench: stopping PostgreSQL:", err)
		}
	}
}

// table returns the database that has the given number of orders.
func (c *cluster) table(rows int) (url string, err error) {
	return c.once(fmt.Sprintf("orders_%d", rows), func(url string) error {
		return execPostgres(url, strings.ReplaceAll(ordersPostgresSQL, "$rows", strconv.Itoa(rows)))
	})
}

// once returns the named database with its tables in memory. It is filled once and
// kept.
func (c *cluster) once(name string, fill func(url string) error) (url string, err error) {
	conn, err := pgx.Connect(context.Background(), c.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	var there bool
	if err := conn.QueryRow(context.Background(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		fmt.Printf("making the database %s\n", name)
		unfinished := name + "_part"
		if err := execPostgres(c.URL("postgres"), "DROP DATABASE IF EXISTS "+unfinished, "CREATE DATABASE "+unfinished); err != nil {
			return "", err
		}
		if err := fill(c.URL(unfinished)); err != nil {
			return "", err
		}
		if err := execPostgres(c.URL(unfinished), "VACUUM (FREEZE, ANALYZE)", "CREATE EXTENSION pg_prewarm", "CHECKPOINT"); err != nil {
			return "", err
		}
		if err := execPostgres(c.URL("postgres"), "ALTER DATABASE "+unfinished+" RENAME TO "+name); err != nil {
			return "", err
		}
	}
	return c.URL(name), execPostgres(c.URL(name), prewarm)
}

const prewarm = `SELECT pg_prewarm(oid) FROM pg_class
WHERE relkind IN ('r', 'i') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`

// execPostgres runs statements one by one, for some may not be in a transaction with
// others.
func execPostgres(url string, statements ...string) error {
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// copyOut is psql writing a table, or a SELECT in parentheses, to a CSV file.
func (c *cluster) copyOut(url, what, out string) program {
	return program{output: out, args: []string{c.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", `\copy ` + what + " to " + quote(out) + " (format csv, header)"}}
}

// copyGzip is what an operator has in a script: psql's CSV through gzip -1.
func (c *cluster) copyGzip(url, table, out string) program {
	const script = `"$0" -X -q -d "$1" -c "\\copy $2 to stdout (format csv, header)" | gzip -1 >"$3"`
	return program{output: out, args: []string{"sh", "-c", script, c.psql, url, table, out}}
}

// meter runs a program beside the server and adds what the server used for it, and
// how much of the machine others had meanwhile.
func (c *cluster) meter(p program) func() (usage, error) {
	return func() (usage, error) {
		server, err := c.cpu()
		if err != nil {
			return usage{}, err
		}
		machine, own := machineCPU(), ownCPU()
		u, err := p.run()
		if err != nil {
			return u, err
		}
		machine, own = machineCPU()-machine, ownCPU()-own
		after, err := c.cpu()
		if err != nil {
			return u, err
		}
		u.server = after - server
		u.foreign = max(0, machine-own-u.cpu-u.server) / (u.wall * float64(runtime.NumCPU()))
		info, err := os.Stat(p.output)
		if err != nil {
			return u, err
		}
		u.megabytes = float64(info.Size()) / 1e6
		return u, nil
	}
}

// ticks are how /proc counts CPU time, a second.
const ticks = 100

// cpu is what the server's processes, those that have ended too, have used so far.
// A process that ends between two looks moves from one sum to the other: then both
// are taken again.
func (c *cluster) cpu() (seconds float64, err error) {
	for {
		before, err := processTicks(c.PID())
		if err != nil {
			return 0, err
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", c.PID()))
		if err != nil {
			return 0, err
		}
		sum := before.own + before.ended
		for child := range strings.FieldsSeq(string(children)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				return 0, err
			}
			if t, err := processTicks(pid); err == nil {
				sum += t.own
			}
		}
		after, err := processTicks(c.PID())
		if err != nil {
			return 0, err
		}
		if after.ended == before.ended {
			return float64(sum) / ticks, nil
		}
	}
}

// processTime is in ticks: of a process, and of its children that have ended.
type processTime struct{ own, ended int64 }

func processTicks(pid int) (t processTime, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return t, err
	}
	// The name may hold anything but ends with the last parenthesis; utime is the
	// 14th field of all.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return t, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var times [4]int64
	for i := range times {
		if times[i], err = strconv.ParseInt(fields[11+i], 10, 64); err != nil {
			return t, err
		}
	}
	return processTime{own: times[0] + times[1], ended: times[2] + times[3]}, nil
}

// machineCPU is the CPU time that all programs have had, in seconds; 0 where the
// system does not tell.
func machineCPU() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var sum int64
	for i, field := range strings.Fields(line) {
		// cpu user nice system idle iowait irq softirq steal guest guest_nice; guests
		// are in user.
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return float64(sum) / ticks
}

func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
}
