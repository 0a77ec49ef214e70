# Logs in as the pod's service account, and writes its token anew before it ends.
vault {
  address = "https://vault.example.com:8200" # say
}

auto_auth {
  method {
    type       = "kubernetes"
    mount_path = "auth/kubernetes"
    config = {
      role       = "kefu"
      token_path = "/run/transit-identity/token"
    }
  }

  sink {
    type = "file"
    config = {
      path = "/run/transit/token"
      mode = 0440
    }
  }
}
