package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// catalogueOf is a service with a list of models, for those who have the token.
func catalogueOf(token string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			http.Error(w, `{"error": "who are you?"}`, http.StatusUnauthorized)
		case r.URL.Path != "/v1/models":
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, `{"data": [{"id": "tiny"}, {"id": "large"}]}`)
		}
	}))
}

// An importer reads a catalogue that the operator named: it may be in a private network,
// and the token goes to its origin and to no other.
func ExampleCatalogue_JSON() {
	service := catalogueOf("s3cret")
	defer service.Close()

	client, err := web.New(web.Config{Private: []string{service.URL}, Tokens: map[string]string{service.URL: "s3cret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	catalogue := web.Catalogue{HTTP: client, Base: service.URL + "/v1"}
	var list struct {
		Data []struct{ ID string }
	}
	_, err = catalogue.JSON(context.Background(), "models", &list)
	fmt.Println(list.Data, err)
	// Output: [{tiny} {large}] <nil>
}

// What a service refuses has a code already; who knows more writes a better sentence.
func ExampleStatusError() {
	service := catalogueOf("s3cret")
	defer service.Close()
	client, err := web.New(web.Config{Private: []string{service.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	catalogue := web.Catalogue{HTTP: client, Base: service.URL}
	_, err = catalogue.JSON(context.Background(), "v1/models", nil)
	var status *web.StatusError
	if errors.As(err, &status) && status.Status == http.StatusUnauthorized {
		fmt.Println(sdk.CodeOf(err), status.Says())
	}
	// Output: unauthorized who are you?
}

// An address of a private network is called only where the operator named it.
func ExampleNew() {
	client, err := web.New(web.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Get("http://169.254.169.254/latest/meta-data")
	var refused *web.Error
	fmt.Println(errors.As(err, &refused), sdk.CodeOf(err))
	// Output: true invalid
}
