package valetkey

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
)

// List is everything that a listing finds, fetched page by page as the loop goes on:
//
//	for account, err := range client.Actions.ListConnectedAccounts(ctx, valetkey.AccountFilter{}) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// An error ends it. Each loop starts anew.
type List[T any] iter.Seq2[T, error]

// Collect fetches all of it.
func (l List[T]) Collect() ([]T, error) {
	var all []T
	for item, err := range l {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// pages lists what is behind a path; each page has a time-out of its own. A path that cannot be made is the error.
func pages[T any](ctx context.Context, c *core, path string, query url.Values, err error) List[*T] {
	return func(yield func(*T, error) bool) {
		if err != nil {
			yield(nil, err)
			return
		}
		next := maps.Clone(query)
		for {
			page, err := get[struct {
				Items []*T   `json:"items"`
				Next  string `json:"next_page_token"`
			}](ctx, c, path, next)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				if item != nil && !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if page.Next == next.Get("page_token") {
				// Else a server that repeats itself would be asked for ever.
				yield(nil, unreadable(&answer{status: http.StatusOK}, "The server names the same page as the next one."))
				return
			}
			next = maps.Clone(query)
			next.Set("page_token", page.Next)
		}
	}
}
