package ndjson

import (
	"slices"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// Inspect reads the first row's container id.
func Inspect(src ranged.Source) (codec.Claims, error) {
	m, err := ReadMeta(src)
	return codec.Claims{ContainerID: m.ContainerID}, err
}

// ReadMeta reads the first row.
func ReadMeta(src ranged.Source) (m codec.Meta, err error) {
	d := &Decoder{src: src, lim: src.Limits}
	d.scan.lim = &d.lim
	if err := d.readHeader(); err != nil {
		return m, err
	}
	if err := d.openMember(); err != nil {
		return m, err
	}
	r := metaReader{s: &d.scan, budget: codec.NewMetaBudget(src.Limits.Memory)}
	if err := r.read(&m); err != nil {
		return codec.Meta{}, d.corrupt(err)
	}
	return m, nil
}

// A metaReader reads what of a row is the same in all rows.
type metaReader struct {
	s      *jsonScanner
	buf    []byte
	budget *codec.MetaBudget
	id     bool // there is a container's
}

func (r *metaReader) read(m *codec.Meta) error {
	if _, err := r.s.begin(); err != nil {
		return err
	}
	if err := r.s.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.s.more(first, '}')
		if err != nil {
			return err
		}
		if !more && !r.id {
			return errJSON
		}
		if !more {
			return r.s.expect('\n')
		}
		name, err := r.s.name()
		if err != nil {
			return err
		}
		if err := r.member(name, m); err != nil {
			return err
		}
	}
}

func (r *metaReader) member(name []byte, m *codec.Meta) (err error) {
	columns := codec.Columns()
	i := slices.IndexFunc(columns, func(c codec.Column) bool { return c.Constant() && c.Name == string(name) })
	if i < 0 {
		return r.s.skip(0)
	}
	c := &columns[i]
	if c.Pairs != nil {
		*c.Pairs(m), err = r.pairs()
		return err
	}
	to := c.Text(m)
	r.id = r.id || to == &m.ContainerID
	*to, err = r.text()
	return err
}

func (r *metaReader) text() (string, error) {
	var err error
	if r.buf, err = r.s.appendText(r.buf[:0], codec.MetaTextMaxBytes); err != nil {
		return "", err
	}
	return string(r.buf), r.budget.Take(len(r.buf))
}

func (r *metaReader) pairs() (map[string]string, error) {
	if err := r.s.expect('{'); err != nil {
		return nil, err
	}
	var pairs map[string]string
	for first := true; ; first = false {
		more, err := r.s.more(first, '}')
		if err != nil || !more {
			return pairs, err
		}
		key, err := r.text()
		if err != nil {
			return nil, err
		}
		if err := r.s.expect(':'); err != nil {
			return nil, err
		}
		value, err := r.text()
		if err != nil {
			return nil, err
		}
		if err := r.budget.Take(codec.MetaPairBytes); err != nil {
			return nil, err
		}
		if pairs == nil {
			pairs = make(map[string]string)
		}
		pairs[key] = value
	}
}
