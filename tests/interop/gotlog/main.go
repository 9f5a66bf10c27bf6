// Reads a log with Go's own packages for notes and tiles (golang.org/x/mod/sumdb), which know nothing
// of sekisho: the note, every record, an inclusion and a consistency proof.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

type files struct{ dir string }

func (f files) Height() int                     { return 8 }
func (f files) SaveTiles([]tlog.Tile, [][]byte) {}
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		p := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		d, err := os.ReadFile(f.dir + "/" + p)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func hashes(s []string) (out []tlog.Hash) {
	for _, x := range s {
		h, err := tlog.ParseHash(x)
		must(err)
		out = append(out, h)
	}
	return
}

func main() {
	dir := os.Args[1]
	var v struct {
		Key, Old, Entry        string
		Index, OldSize         int64
		Inclusion, Consistency []string
	}
	d, err := os.ReadFile(dir + "/v.json")
	must(err)
	must(json.Unmarshal(d, &v))
	ver, err := note.NewVerifier(v.Key)
	must(err)
	cp, err := os.ReadFile(dir + "/log/checkpoint")
	must(err)
	n, err := note.Open(cp, note.VerifierList(ver))
	must(err)
	lines := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	fmt.Println("note ok:", lines[0], size, "signatures", len(n.Sigs), "unverified", len(n.UnverifiedSigs))
	r := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, files{dir + "/log"})
	entry, err := base64.StdEncoding.DecodeString(v.Entry)
	must(err)
	proof, err := tlog.ProveRecord(size, v.Index, r)
	must(err)
	must(tlog.CheckRecord(proof, size, root, v.Index, tlog.RecordHash(entry)))
	must(tlog.CheckRecord(tlog.RecordProof(hashes(v.Inclusion)), size, root, v.Index, tlog.RecordHash(entry)))
	old, err := tlog.ParseHash(v.Old)
	must(err)
	must(tlog.CheckTree(tlog.TreeProof(hashes(v.Consistency)), size, root, v.OldSize, old))
	var count int64
	for i := int64(0); i < size; i += 256 {
		w := min(256, int(size-i))
		t := tlog.Tile{H: 8, L: -1, N: i / 256, W: w}
		p := strings.Replace(strings.Replace(t.Path(), "tile/8/data", "tile/entries", 1), "tile/8/", "tile/", 1)
		b, err := os.ReadFile(dir + "/log/" + p)
		must(err)
		var idx []int64
		var hs []tlog.Hash
		for len(b) > 0 {
			l := int(binary.BigEndian.Uint16(b))
			hs = append(hs, tlog.RecordHash(b[2:2+l]))
			idx = append(idx, tlog.StoredHashIndex(0, i+int64(len(idx))))
			b = b[2+l:]
		}
		want, err := r.ReadHashes(idx)
		must(err)
		for j := range want {
			if want[j] != hs[j] {
				panic(i + int64(j))
			}
			count++
		}
	}
	fmt.Println("records, inclusion, consistency ok:", count)
}
